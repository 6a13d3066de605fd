// A network of the app's own, and private endpoints in it for the target account and the key vault. Cache accounts are in other
// regions and reached over their public address, with tokens.
param name string
param location string
param accountId string
param vaultId string
param tags object

var storageSuffix = environment().suffixes.storage
var endpoints = [
  { service: 'blob', id: accountId, zone: 'privatelink.blob.${storageSuffix}' }
  { service: 'queue', id: accountId, zone: 'privatelink.queue.${storageSuffix}' }
  { service: 'table', id: accountId, zone: 'privatelink.table.${storageSuffix}' }
  { service: 'vault', id: vaultId, zone: 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}' }
]

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.128.0.0/24'] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: '10.128.0.0/26'
          delegations: [{ name: 'app', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      { name: 'endpoints', properties: { addressPrefix: '10.128.0.64/26' } }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for endpoint in endpoints: {
    name: endpoint.zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (endpoint, at) in endpoints: {
    parent: zones[at]
    name: name
    location: 'global'
    tags: tags
    properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
  }
]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for endpoint in endpoints: {
    name: '${name}-${endpoint.service}'
    location: location
    tags: tags
    properties: {
      subnet: { id: '${network.id}/subnets/endpoints' }
      privateLinkServiceConnections: [
        { name: endpoint.service, properties: { privateLinkServiceId: endpoint.id, groupIds: [endpoint.service] } }
      ]
    }
  }
]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (endpoint, at) in endpoints: {
    parent: privateEndpoints[at]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [{ name: endpoint.service, properties: { privateDnsZoneId: zones[at].id } }]
    }
  }
]

output appSubnetId string = '${network.id}/subnets/app'
