"""Where pictures go: a window, a web page, a film, a ledger."""
