"""Addresses of levels, below /office/levels/."""

from django.urls import path

from backoffice.views import ladders, levels

urlpatterns = [
    path("", levels.level_changes, name="level_changes"),
    path("decide/", levels.level_decide, name="level_decide"),
    path("results/<int:pk>/", levels.level_result, name="level_result"),
    path("evaluations/<int:pk>/", levels.level_run, name="level_run"),
    path("evaluations/<int:pk>/again/", levels.level_run_again, name="level_run_again"),
    path("exclusions/", levels.level_exclusions, name="level_exclusions"),
    path("exclusions/add/", levels.level_exclude, name="level_exclude"),
    path("exclusions/<int:pk>/end/", levels.level_exclusion_end, name="level_exclusion_end"),
    path("ibs/<int:pk>/", ladders.ib_level, name="ib_level"),
    path("ladders/", ladders.ladder_list, name="ladders"),
    path("ladders/new/", ladders.ladder_create, name="ladder_create"),
    path("ladders/<int:pk>/", ladders.ladder_page, name="ladder"),
    path("ladders/<int:pk>/publish/", ladders.ladder_publish, name="ladder_publish"),
    path("ladders/<int:pk>/measure/", ladders.ladder_measure, name="ladder_measure"),
]
