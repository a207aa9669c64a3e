"""Addresses of the portal, and of what all doors share: sign-in, languages, the brand."""

from django.urls import URLPattern, include, path
from django.views.i18n import set_language

from access.decorators import public
from portal import accounts, brand, dashboard, network, plan, rebates, session, why

portal_patterns: list[URLPattern] = [
    path("accounts/", accounts.home, name="home"),
    path("accounts/<int:account_id>/", accounts.account, name="account"),
    path("partner/", dashboard.dashboard, name="dashboard"),
    path("partner/network/<int:ib_id>/", network.network, name="network"),
    path("partner/rebates/", rebates.rebate_list, name="rebates"),
    path("partner/rebates/<int:deal_id>/", why.why, name="why"),
    path("partner/rebates/<int:deal_id>/why.json", why.why_json, name="why_json"),
    path("partner/plan/", plan.plan, name="plan"),
]

urlpatterns = [
    path("", session.start, name="start"),
    path("sign-in/", session.sign_in_page, name="sign_in"),
    path("sign-out/", session.sign_out, name="sign_out"),
    path("language/", public(set_language), name="set_language"),
    path("brand-<slug:digest>.css", brand.brand_css, name="brand_css"),
    path("manifest.webmanifest", brand.manifest, name="manifest"),
    path("", include((portal_patterns, "portal"))),
]
