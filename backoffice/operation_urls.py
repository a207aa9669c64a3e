"""Addresses of what is sent to MT servers, below /office/operations/."""

from django.urls import path

from backoffice.views import operations

urlpatterns = [
    path("", operations.operation_list, name="operations"),
    path("manual/", operations.manual_deal_list, name="manual_deals"),
    path("differences/", operations.finding_list, name="operation_findings"),
    path("new/<int:account_id>/", operations.operation_new, name="operation_new"),
    path("<int:pk>/", operations.operation_page, name="operation"),
    path("<int:pk>/withdraw/", operations.operation_withdraw, name="operation_withdraw"),
    path("<int:pk>/read-again/", operations.operation_read_again, name="operation_read_again"),
    path("<int:pk>/settle/", operations.operation_settle, name="operation_settle"),
]
