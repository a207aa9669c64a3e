"""Writes of notifications. Each module holds one noun."""

from notifications.services.deciding import cancel_message, send_again
from notifications.services.queueing import mark_all_read, mark_read, queue_notice, queue_staff_notice
from notifications.services.settings import (
    MailSpec,
    SmsSpec,
    save_mail_settings,
    save_sms_settings,
    send_test_mail,
    send_test_sms,
)

__all__ = [
    "MailSpec",
    "SmsSpec",
    "cancel_message",
    "mark_all_read",
    "mark_read",
    "queue_notice",
    "queue_staff_notice",
    "save_mail_settings",
    "save_sms_settings",
    "send_again",
    "send_test_mail",
    "send_test_sms",
]
