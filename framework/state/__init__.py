"""State: what one run leaves for the next, beside what the commits themselves say."""

from framework.state.plan_store import PlanStore

__all__ = ["PlanStore"]
