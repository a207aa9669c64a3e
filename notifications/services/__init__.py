"""Writes of notifications. Each module holds one noun."""

from notifications.services.deciding import cancel_message, send_again
from notifications.services.queueing import mark_all_read, mark_read, queue_notice, queue_staff_notice

__all__ = ["cancel_message", "mark_all_read", "mark_read", "queue_notice", "queue_staff_notice", "send_again"]
