"""All addresses: the doors bring their own."""

from django.urls import include, path

handler400 = "ui.errors.bad_request"
handler403 = "ui.errors.permission_denied"
handler404 = "ui.errors.page_not_found"
handler500 = "ui.errors.server_error"

urlpatterns = [
    path("office/", include("backoffice.urls")),
    path("", include("portal.urls")),
]
