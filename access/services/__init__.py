"""Writes of access. Each module holds one noun."""

from access.services.approvals import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalPending,
    SameApprover,
    approve,
    expire_approvals,
    reject,
    request_approval,
)
from access.services.audit import record_audit
from access.services.roles import (
    BuiltInRoleFixed,
    UnknownRight,
    create_role,
    grant_role,
    request_role,
    revoke_role,
    seed_roles,
    set_role_rights,
)
from access.services.sign_in import SignInOutcome, record_sign_out, sign_in, sweep_sign_in_attempts
from access.services.users import EmailTaken, PasswordRefused, create_user, set_password, set_user_active

__all__ = [
    "ApprovalDecided",
    "ApprovalExpired",
    "ApprovalPending",
    "BuiltInRoleFixed",
    "EmailTaken",
    "PasswordRefused",
    "SameApprover",
    "SignInOutcome",
    "UnknownRight",
    "approve",
    "create_role",
    "create_user",
    "expire_approvals",
    "grant_role",
    "record_audit",
    "record_sign_out",
    "reject",
    "request_approval",
    "request_role",
    "revoke_role",
    "seed_roles",
    "set_password",
    "set_role_rights",
    "set_user_active",
    "sign_in",
    "sweep_sign_in_attempts",
]
