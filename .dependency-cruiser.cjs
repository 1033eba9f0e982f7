/** The walls of the house (ARCHITECTURE.md). Each rule says why it stands; the fix is hardly ever to loosen it. */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'Two files that need each other are one file, or want a third that both may import.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'config-is-leaf',
      comment: 'config/ is the vocabulary and the schema; it knows nobody.',
      severity: 'error',
      from: { path: '^config/' },
      to: { path: '^(daemon|cli|image-builder|test)/' },
    },
    {
      name: 'cli-sees-only-wire',
      comment:
        'The command line talks to the daemon over its API: it may see the API’s types, the rights it makes an account with, and, for before there is a daemon, how this machine’s networks are read.',
      severity: 'error',
      from: { path: '^cli/' },
      to: {
        path: '^daemon/',
        pathNot: '^daemon/(http/wire|cluster/account|system/(interface|interface-choice|surroundings))\\.ts$',
      },
    },
    {
      name: 'image-builder-has-one-door',
      comment: 'Others go through image-builder/index.ts, so that its inside can be rebuilt.',
      severity: 'error',
      from: { pathNot: '^(image-builder|test)/' },
      to: { path: '^image-builder/', pathNot: '^image-builder/index\\.ts$' },
    },
    {
      name: 'image-builder-not-daemon',
      comment: 'Images are made without a daemon too (`bramble image build`).',
      severity: 'error',
      from: { path: '^image-builder/' },
      to: { path: '^(daemon|cli|test)/' },
    },
    {
      name: 'no-cross-protocol',
      comment: 'Rooms meet in daemon/app/ through function parameters. Types of the lifecycle may be seen by all.',
      severity: 'error',
      from: { path: '^daemon/(dhcp|tftp|mdns|gateway|boot|http|join|cluster|store)/' },
      to: {
        path: '^daemon/(dhcp|tftp|mdns|gateway|boot|http|join|cluster|store|system)/',
        // Writing a file so that a power cut leaves the old one or the new one is nobody's protocol.
        pathNot: ['^daemon/$1/', '^daemon/system/files\\.ts$'],
      },
    },
    {
      name: 'lifecycle-knows-no-protocol',
      comment: 'The life of a board is decided over facts, not packets.',
      severity: 'error',
      from: { path: '^daemon/lifecycle/' },
      to: { path: '^daemon/(dhcp|tftp|mdns|boot|http|join|cluster|store|system|app)/' },
    },
    {
      name: 'traffic-knows-no-protocol',
      comment:
        'Counts and limits are the same for all services; what is special about one stands in its own limits.ts.',
      severity: 'error',
      from: { path: '^daemon/traffic/' },
      to: { path: '^daemon/', pathNot: '^daemon/(traffic/|ports\\.ts$)' },
    },
    {
      name: 'pure-has-no-io',
      comment: 'A pure file is a function of bytes, state and now; IO belongs into the edge file of its room.',
      severity: 'error',
      from: {
        path: '^(config|daemon/lifecycle|daemon/boot|daemon/dhcp|daemon/tftp|daemon/mdns|daemon/gateway|daemon/traffic)/',
        pathNot: '/server[^/]*\\.ts$',
      },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(dgram|net|http|https|fs|fs/promises|child_process|timers|timers/promises|worker_threads|tls)$',
      },
    },
    {
      name: 'only-app-wires',
      comment: 'Only daemon/app/ and daemon/main.ts know every room; whoever imports app is a main.',
      severity: 'error',
      from: { pathNot: '^(daemon/(main\\.ts|app/)|test/)' },
      to: { path: '^daemon/app/' },
    },
    {
      name: 'nothing-imports-test',
      comment: 'What ships does not know its tests.',
      severity: 'error',
      from: { pathNot: '^test/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-dev-dep-in-prod',
      comment: 'A development dependency is not in the .deb.',
      severity: 'error',
      from: { path: '^(config|daemon|cli|image-builder)/' },
      to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports is either a main or dead.',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: [
          '\\.test\\.ts$',
          '\\.d\\.ts$',
          '(^|/)\\.[^/]+\\.(c?js|json)$',
          '^test/vectors/',
          'main\\.ts$',
          'ava\\.config\\.js$',
          '^daemon/http/page/page\\.js$',
        ],
      },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'types'],
    },
  },
};
