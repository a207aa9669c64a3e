"""Which revision of a judgement stands."""

# Probed by key, one row at a time: OFFSET 0 keeps the planner from reading the table whole for it. It does so where its
# statistics say that the table is empty, as they do after a large batch was undone, and then once for every row.
LIVE_SQL = """NOT EXISTS (SELECT 1 FROM commissions_judgement later
        WHERE later.deal_id = j.deal_id AND later.revision > j.revision OFFSET 0)"""
