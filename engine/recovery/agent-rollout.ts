/** The package that the control plane rolls out. */
export interface AgentPackage {
  /** https folder in which its files are; they need no token, since the script knows their checksums. */
  readonly url: string;
  /** Content of its `SHA256SUMS`. */
  readonly sums: string;
}

/** Where a machine without Node gets one: a `tar.gz` as Node's own project makes them. */
export interface NodeArchive {
  readonly url: string;
  readonly sha256: string;
}

/** Azure ends extensions and run commands after so long. */
export const INSTALL_LIMIT_SECONDS = 90 * 60;

/**
 * The script that brings a machine the agent, or a newer one. It holds no secret: who may read the VM may read it. What it
 * fetches is used only with the checksums that came through Resource Manager. May run any number of times.
 * @param disks paths on the machine, in index order
 */
export function installScript(spec: {
  readonly package: AgentPackage;
  /** What the agent finds in its configuration file. */
  readonly config: object;
  readonly disks: readonly string[];
  readonly node?: NodeArchive | undefined;
}): string {
  const { url, sums } = spec.package;
  const { node } = spec;
  const args = [
    ...spec.disks.flatMap((disk) => ["--disk", disk]),
    ...(node ? ["--node", node.url, "--node-sha256", node.sha256] : []),
  ];
  return `#!/bin/sh
set -eu
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >SHA256SUMS <<'END-OF-SUMS'
${sums.trimEnd()}
END-OF-SUMS
cat >agent.json <<'END-OF-CONFIG'
${JSON.stringify(spec.config)}
END-OF-CONFIG
fetch() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsS --proto '=https' --retry 5 --connect-timeout 30 -o "$2" "$1"
  else
    wget -q --https-only --tries 5 -O "$2" "$1"
  fi
}
while read -r _ file; do fetch ${quoted(url)}"/$file" "$file"; done <SHA256SUMS
sha256sum -c --quiet SHA256SUMS
sh install.sh ${["--config", "agent.json", ...args].map(quoted).join(" ")}
`;
}

/** Takes the agent away; nothing happens where there is none. Fails while a disk is still used through the agent. */
export const REMOVAL_SCRIPT = `#!/bin/sh
set -eu
installed="\${DESTDIR:-}/opt/leeward/install.sh"
[ -f "$installed" ] || exit 0
exec sh "$installed" --remove
`;

/** One word for the shell. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
