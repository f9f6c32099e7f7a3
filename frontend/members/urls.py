"""Members, invitations, projects, settings, the audit log, and undoing."""

from django.urls import path

from frontend.members.views import audit, invitations, members, projects, settings, undo

urlpatterns = [
    path("settings/", settings.settings, name="settings"),
    path("settings/tenant/", settings.switch_tenant, name="switch_tenant"),
    path("settings/audit/", audit.audit_log, name="audit_log"),
    path("settings/audit/audit.csv", audit.audit_csv, name="audit_csv"),
    path("undo/", undo.undo, name="undo"),
    path("settings/projects/", projects.projects, name="projects"),
    path(
        "settings/projects/<int:project_id>/rename/",
        projects.rename,
        name="rename_project",
    ),
    path(
        "settings/projects/<int:project_id>/archive/",
        projects.archive,
        name="archive_project",
    ),
    path("settings/members/", members.members, name="members"),
    path(
        "settings/members/<int:member_id>/role/", members.set_role, name="change_role"
    ),
    path(
        "settings/members/<int:member_id>/remove/",
        members.remove,
        name="remove_member",
    ),
    path(
        "settings/invitations/<int:invitation_id>/resend/",
        members.resend,
        name="resend_invitation",
    ),
    path(
        "settings/invitations/<int:invitation_id>/revoke/",
        members.take_back,
        name="revoke_invitation",
    ),
    path("invitations/<str:secret>/", invitations.invitation, name="invitation"),
    path(
        "settings/projects/<int:project_id>/leases/",
        settings.retention,
        name="retention",
    ),
]
