"""Money and accounts to MT, exactly once: an outbox in the database, and the reading back that settles every doubt."""
