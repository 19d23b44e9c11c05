"""The demo's application: a shop that worked, and then got an unlucky release."""

from tests.cluster.api import Api
from tests.cluster.layout import HERE

_SHOP = HERE / "shop"
_DEPLOYMENTS = ("web", "catalog", "cart", "payments")
_REVISION = "deployment.kubernetes.io/revision"


def deploy(api: Api) -> None:
    """Roll out the working shop, then break it, so that there is a revision to go back to.

    A shop that has had its unlucky release is left as it is: somebody may be repairing it.
    """
    cart = api.get("/apis/apps/v1/namespaces/shop/deployments/cart")
    if cart is not None and int(cart["metadata"].get("annotations", {}).get(_REVISION, "0")) > 1:
        return
    api.run_kubectl("apply", "--kustomize", str(_SHOP / "working"))
    for name in _DEPLOYMENTS:
        api.run_kubectl("--namespace", "shop", "rollout", "status", f"deployment/{name}", "--timeout=180s")
    api.run_kubectl("apply", "--kustomize", str(_SHOP / "broken"))
