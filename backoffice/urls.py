"""Addresses of the back office, below /office/."""

from django.urls import include, path

from backoffice import level_urls
from backoffice.views import approvals, audit, clients, ibs, ledger, overview, plan_editor, plans, queues, search, why

app_name = "backoffice"

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("search/", search.search, name="search"),
    path("held/", queues.held_deal_list, name="held_deals"),
    path("held/release/", queues.release_held_deals, name="release_held_deals"),
    path("symbols/", queues.symbol_list, name="symbols"),
    path("symbols/classify/", queues.classify, name="symbol_classify"),
    path("symbols/groups/", queues.symbol_group_create, name="symbol_group_create"),
    path("mt-groups/", queues.mt_group_list, name="mt_groups"),
    path("mt-groups/<int:pk>/lot-factor/", queues.lot_factor, name="lot_factor"),
    path("approvals/", approvals.approval_list, name="approvals"),
    path("approvals/<int:pk>/", approvals.approval_decide, name="approval_decide"),
    path("clients/", clients.client_list, name="clients"),
    path("clients/<int:pk>/", clients.client_page, name="client"),
    path("clients/<int:pk>/move/", clients.client_move, name="client_move"),
    path("ibs/", ibs.ib_list, name="ibs"),
    path("ibs/top/", ibs.ib_top, name="ib_top"),
    path("ibs/<int:pk>/", ibs.ib_page, name="ib"),
    path("ibs/<int:pk>/below/", ibs.ib_below, name="ib_below"),
    path("ibs/<int:pk>/move/", ibs.ib_move, name="ib_move"),
    path("ibs/<int:pk>/plan/", plans.ib_plan, name="ib_plan"),
    path("why/", why.why_find, name="why_find"),
    path("deals/<int:deal_id>/why/", why.deal_why, name="deal_why"),
    path("deals/<int:deal_id>/why.json", why.deal_why_json, name="deal_why_json"),
    path("deals/<int:deal_id>/why.txt", why.deal_why_text, name="deal_why_text"),
    path("levels/", include(level_urls.urlpatterns)),
    path("plans/", plans.plan_list, name="plans"),
    path("plans/new/", plans.plan_create, name="plan_create"),
    path("plans/<int:pk>/", plans.plan_page, name="plan"),
    path("plans/<int:pk>/publish/", plan_editor.plan_publish, name="plan_publish"),
    path("plans/<int:pk>/publish/preview/", plan_editor.plan_preview, name="plan_preview"),
    path("ledger/", ledger.ledger_page, name="ledger"),
    path("ledger/accounts/<int:pk>/", ledger.ledger_account, name="ledger_account"),
    path("ledger/entries/<int:pk>/", ledger.journal_entry, name="journal_entry"),
    path("audit/", audit.audit_list, name="audit"),
]
