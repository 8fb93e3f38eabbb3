"""What can go wrong with stored conversations.

StoreError
├── SessionNotFound     no such session, or another's
├── TurnNotFound        the session has no such turn
├── SessionConflict     another process continued the session meanwhile
├── StoreUnavailable    the database is gone, full or busy; it may come back
└── StoreUnusable       the database can never be used as it is; names the remedy
"""


class StoreError(Exception):
    """Any trouble with stored conversations."""


class SessionNotFound(StoreError, LookupError):
    """No session of this owner has this id: it never existed, or it was deleted."""


class TurnNotFound(StoreError, LookupError):
    """The session has no turn of this number."""


class SessionConflict(StoreError):
    """Another process added a turn to the session while this one was generated."""


class StoreUnavailable(StoreError):
    """The database did not do what was asked; nothing of it is stored."""


class StoreUnusable(StoreError):
    """The database cannot be used; the text is one line that names the remedy."""
