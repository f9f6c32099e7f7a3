"""API keys, their rotation, and keys that leaked."""

from django.urls import path

from frontend.keys.views import api_key_rotation, api_keys, leaked_keys

urlpatterns = [
    path("keys/", api_keys.api_keys, name="api_keys"),
    path("keys/new/", api_keys.create_api_key, name="create_api_key"),
    path("keys/<int:api_key_id>/", api_keys.api_key, name="api_key"),
    path("keys/leaks/", leaked_keys.leaks, name="leaks"),
    path("keys/<int:api_key_id>/leaked/", leaked_keys.confess, name="key_leaked"),
    path("keys/<int:api_key_id>/restore/", leaked_keys.restore, name="restore_api_key"),
    path(
        "keys/<int:api_key_id>/rotate/", api_key_rotation.rotate, name="rotate_api_key"
    ),
    path(
        "keys/<int:api_key_id>/rotate/end/",
        api_key_rotation.end_early,
        name="end_overlap",
    ),
    path(
        "keys/<int:api_key_id>/rotate/undo/",
        api_key_rotation.take_back,
        name="take_rotation_back",
    ),
    path("leaked-keys/", leaked_keys.leaked_keys, name="leaked_keys"),
    path(
        "leaked-keys/report/",
        leaked_keys.report_leaked_keys,
        name="report_leaked_keys",
    ),
    path("keys/<int:api_key_id>/rename/", api_keys.rename, name="rename_api_key"),
    path("keys/<int:api_key_id>/revoke/", api_keys.revoke, name="revoke_api_key"),
    path("keys/<int:api_key_id>/first-call/", api_keys.first_call, name="first_call"),
]
