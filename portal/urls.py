"""Addresses of the portal, and of what all doors share: sign-in, languages, the brand."""

from django.urls import URLPattern, include, path
from django.views.i18n import set_language

from access.decorators import public
from portal import (
    accounts,
    brand,
    consent,
    dashboard,
    level,
    network,
    notices,
    opening,
    own_rebates,
    plan,
    rebates,
    session,
    sharing,
    statements,
    why,
)

portal_patterns: list[URLPattern] = [
    path("accounts/", accounts.home, name="home"),
    path("accounts/open/", opening.open_account, name="open_account"),
    path("accounts/orders/", opening.account_orders, name="account_orders"),
    path("accounts/orders/<int:order_id>/reveal/", opening.reveal, name="reveal"),
    path("accounts/<int:account_id>/", accounts.account, name="account"),
    path("accounts/<int:account_id>/change/", opening.account_change, name="account_change"),
    path("accounts/deals/<int:deal_id>/share/", why.own_share, name="own_share"),
    path("accounts/deals/<int:deal_id>/share/why.json", why.own_share_json, name="own_share_json"),
    path("accounts/deals/<int:deal_id>/share/why.txt", why.own_share_text, name="own_share_text"),
    path("accounts/rebates/", own_rebates.own_rebates, name="own_rebates"),
    path("accounts/rebates/<int:pk>/", own_rebates.own_statement, name="own_statement"),
    path("accounts/rebates/<int:pk>/statement.<slug:kind>", own_rebates.own_statement_file, name="own_statement_file"),
    path("partner/", dashboard.dashboard, name="dashboard"),
    path("partner/trading/", dashboard.trading, name="trading"),
    path("partner/network/<int:ib_id>/", network.network, name="network"),
    path("partner/rebates/", rebates.rebate_list, name="rebates"),
    path("partner/rebates/<int:deal_id>/", why.why, name="why"),
    path("partner/rebates/<int:deal_id>/why.json", why.why_json, name="why_json"),
    path("partner/rebates/<int:deal_id>/why.txt", why.why_text, name="why_text"),
    path("partner/why/", why.why_find, name="why_find"),
    path("partner/statements/", statements.statement_list, name="statements"),
    path("partner/statements/<int:pk>/", statements.statement_page, name="statement"),
    path("partner/statements/<int:pk>/statement.<slug:kind>", statements.statement_file, name="statement_file"),
    path("partner/plan/", plan.plan, name="plan"),
    path("partner/level/", level.level, name="level"),
    path("partner/sharing/", sharing.sharing, name="sharing"),
    path("partner/sharing/<int:ib_id>/", sharing.sub_share, name="sub_share"),
    path("partner/plan/accept/<int:version_id>/", consent.accept, name="plan_accept"),
    path("partner/plan/accepted/<int:acceptance_id>.pdf", consent.accepted_document, name="plan_accepted"),
]

urlpatterns = [
    path("", session.start, name="start"),
    path("sign-in/", session.sign_in_page, name="sign_in"),
    path("sign-out/", session.sign_out, name="sign_out"),
    path("language/", public(set_language), name="set_language"),
    path("notices/", notices.notices, name="notices"),
    path("notices/read/", notices.read, name="notices_read"),
    path("brand-<slug:digest>.css", brand.brand_css, name="brand_css"),
    path("manifest.webmanifest", brand.manifest, name="manifest"),
    path("", include((portal_patterns, "portal"))),
]
