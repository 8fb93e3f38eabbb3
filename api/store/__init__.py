"""Conversations that outlive a restart: tables, migrations, and what is asked of them."""
