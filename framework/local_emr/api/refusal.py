"""What the API answers instead of a result: AWS's code, its words, and the status of HTTP."""

from collections.abc import Iterable


class Refusal(Exception):
    """A request that is refused; the server makes an answer of it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status
        super().__init__(f"{code}: {message}")


def validation(message: str) -> Refusal:
    """Refuse as the older operations do, which speak of job flows."""
    return Refusal("ValidationException", message)


def invalid(message: str) -> Refusal:
    """Refuse as the newer operations do, which speak of clusters."""
    return Refusal("InvalidRequestException", message)


def not_offered(what: str, instead: Iterable[str] = ()) -> Refusal:
    """Refuse what AWS offers and this endpoint does not, by name: nothing is left out in silence."""
    offered = ", ".join(sorted(instead))
    more = f" Offered are: {offered}." if offered else ""
    return Refusal("NotImplemented", f"The EMR on this machine does not offer {what}.{more}", 501)
