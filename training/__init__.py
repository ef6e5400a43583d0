"""How the leap is trained and measured.  Nothing here runs in the show."""
