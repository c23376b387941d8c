"""Steps: what is asked for, added once, waited for, cancelled."""
