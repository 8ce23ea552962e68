"""The network of the containers, through which alone the databases are reached.

What belongs here: the virtual network with its subnets, and the private name of the PostgreSQL server. Which service
admits which subnet is said beside that service.
"""

from __future__ import annotations

from typing import Any

NETWORK_VERSION, NAMES_VERSION = "2025-05-01", "2024-06-01"
NETWORK = "[resourceId('Microsoft.Network/virtualNetworks', variables('network'))]"
APPS_SUBNET = "[resourceId('Microsoft.Network/virtualNetworks/subnets', variables('network'), 'apps')]"
DATABASES_SUBNET = "[resourceId('Microsoft.Network/virtualNetworks/subnets', variables('network'), 'databases')]"
NAMES = "[resourceId('Microsoft.Network/privateDnsZones', variables('privateNames'))]"
LINK = "[resourceId('Microsoft.Network/privateDnsZones/virtualNetworkLinks', variables('privateNames'), 'network')]"


def network() -> list[dict[str, Any]]:
    """Returns the network: the containers in one subnet, which SQL and Key Vault admit; PostgreSQL in another."""
    services = [{"service": name} for name in ("Microsoft.Sql", "Microsoft.KeyVault")]
    addresses = {
        "type": "Microsoft.Network/virtualNetworks",
        "apiVersion": NETWORK_VERSION,
        "name": "[variables('network')]",
        "location": "[parameters('location')]",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.77.0.0/16"]},
            "subnets": [
                _subnet("apps", "10.77.0.0/23", "Microsoft.App/environments", serviceEndpoints=services),
                _subnet("databases", "10.77.4.0/28", "Microsoft.DBforPostgreSQL/flexibleServers"),
            ],
        },
    }
    names = {
        "type": "Microsoft.Network/privateDnsZones",
        "apiVersion": NAMES_VERSION,
        "name": "[variables('privateNames')]",
        "location": "global",
        "properties": {},
    }
    link = {
        "type": "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        "apiVersion": NAMES_VERSION,
        "name": "[concat(variables('privateNames'), '/network')]",
        "location": "global",
        "properties": {"registrationEnabled": False, "virtualNetwork": {"id": NETWORK}},
        "dependsOn": [NAMES, NETWORK],
    }
    return [addresses, names, link]


def _subnet(name: str, prefix: str, service: str, **more: Any) -> dict[str, Any]:
    """Returns a subnet that one service alone puts its machines into."""
    delegation = {"name": name, "properties": {"serviceName": service}}
    return {"name": name, "properties": {"addressPrefix": prefix, "delegations": [delegation], **more}}
