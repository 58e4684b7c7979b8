"""Verbs on namespaces. Making a tenant whole is one of them, since a tenant has its `default` namespace."""

from audit.unit import record, verb
from prompts.models import Namespace, NamespacePolicy
from prompts.names import DEFAULT_NAMESPACE, check_namespace_slug
from tenants import actions as tenants
from tenants.models import Actor, Tenant


@verb
def open_tenant(tenant: Tenant, *, by: Actor) -> Tenant:
    """Make a tenant and its namespace `default`, in which nothing needs approval until somebody says so."""
    tenants.create_tenant(tenant, by=by)
    create_namespace(DEFAULT_NAMESPACE, name="Default", required_approvals=0, by=by)
    return tenant


@verb
def create_namespace(
    slug: str, *, name: str, by: Actor, description: str = "", required_approvals: int = 1
) -> Namespace:
    """Make a namespace and the first row of its policy."""
    check_namespace_slug(slug)
    namespace = Namespace.objects.create(tenant=by.tenant, slug=slug, name=name, description=description)
    NamespacePolicy.objects.create(
        tenant=by.tenant, namespace=namespace, number=1, required_approvals=required_approvals, changed_by=by.user
    )
    record("namespace.created", namespace, by=by, slug=slug, name=name, required_approvals=required_approvals)
    return namespace
