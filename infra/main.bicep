// Leeward's control plane: one Functions app (Flex Consumption) with its own identity, in the region that machines fail
// over *to*. Everything it keeps is in the target account; the app itself can be deployed anew over it at any time.
//
// Groups with machines get their rights from access.bicep, a deployment of its own: `azd down` deletes every resource
// group in which this one made anything.
targetScope = 'subscription'

@description('The region that machines fail over to. Never the region that the app must outlive.')
param location string

@description('Short name, part of the names of all resources.')
@minLength(2)
@maxLength(10)
param name string = 'leeward'

@description('The environment of azd, by which it finds what it deployed.')
param environmentName string = name

@description('Application (client) id of the app registration that callers ask tokens for.')
param audience string

@description('Kind of copies of the target account. ZRS where the region has zones.')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param storageSku string = 'Standard_ZRS'

@description('Account and key vault are reached through private endpoints only.')
param privateEndpoints bool = false

@description('What Durable Functions keeps its state in.')
@allowed(['storage', 'scheduler'])
param durableBackend string = 'storage'

@description('The platform checks tokens before the app does.')
param platformAuthentication bool = true

@description('Instances that are kept warm; 0 scales to none.')
@minValue(0)
param alwaysReady int = 0

@description('How often points are looked for that are due, NCRONTAB.')
param pointSchedule string = '0 * * * * *'

@description('OTLP/HTTP endpoint of an OpenTelemetry collector for metrics; empty sends none.')
param otlpEndpoint string = ''

@description('Machines with the tag leeward=protect are protected by themselves. Needs the app to be deployed: its address is asked at once.')
param protectByTag bool = false

@description('Resource id of the group that machines protected by their tag fail over to.')
param tagTargetGroup string = ''

@description('https address of the app in the other region, to which machines are handed over for their way back; empty without one.')
param peerUrl string = ''

var tags = { 'azd-env-name': environmentName, 'leeward-role': 'control-plane' }
var everywhere = subscription().id
var roles = loadJsonContent('roles.json')

resource group 'Microsoft.Resources/resourceGroups@2024-07-01' = {
  name: '${name}-control-plane'
  location: location
  tags: tags
}

module controlPlane 'app/control-plane.bicep' = {
  name: '${name}-control-plane'
  scope: group
  params: {
    location: location
    name: name
    audience: audience
    storageSku: storageSku
    privateEndpoints: privateEndpoints
    durableBackend: durableBackend
    platformAuthentication: platformAuthentication
    alwaysReady: alwaysReady
    pointSchedule: pointSchedule
    otlpEndpoint: otlpEndpoint
    tagTargetGroup: tagTargetGroup
    peerUrl: peerUrl
    tags: tags
  }
}

// access.bicep finds them by the same names.
resource definitions 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for role in items(roles): {
    name: guid(subscription().id, name, role.key)
    properties: {
      roleName: 'Leeward ${role.key} (${name})'
      description: role.value.description
      type: 'CustomRole'
      assignableScopes: [everywhere]
      permissions: [{ actions: role.value.actions, notActions: [], dataActions: [], notDataActions: [] }]
    }
  }
]

resource inventory 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, name, 'inventory-assignment')
  properties: {
    principalId: controlPlane.outputs.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      guid(subscription().id, name, 'inventory')
    )
  }
  dependsOn: [definitions]
}

module events 'app/tag-events.bicep' = if (protectByTag) {
  name: '${name}-tag-events'
  params: {
    name: name
    endpoint: controlPlane.outputs.endpoint
    audience: audience
  }
}

output LEEWARD_ENDPOINT string = controlPlane.outputs.endpoint
output LEEWARD_PRINCIPAL_ID string = controlPlane.outputs.principalId
output LEEWARD_TARGET_ACCOUNT string = controlPlane.outputs.accountName
