"""Who finds out who people are: our own staff, or a company that is asked over HTTP."""
