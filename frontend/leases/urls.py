"""KV leases."""

from django.urls import path

from frontend.leases.views import leases

urlpatterns = [
    path("leases/", leases.leases, name="leases"),
    path("leases/<uuid:lease_id>/extend/", leases.extend, name="extend_lease"),
    path("leases/<uuid:lease_id>/release/", leases.release, name="release_lease"),
]
