/** A word for sh, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * The program that Wireshark finds in its extcap directory (doc/extcap.adoc of Wireshark). Wireshark runs it several times when
 * it starts, so the shell answers what it can: an interface for each control socket. Node starts for a capture alone.
 *
 * @param node the Node.js program
 * @param main podplane's main.js
 * @param state directory of the control sockets
 */
export function extcapScript(node: string, main: string, state: string): string {
  return `#!/bin/sh
# Written by \`podplane extcap --install\`: Wireshark captures from running labs with it.
node=${quoted(node)}
main=${quoted(main)}
state=\${PODPLANE_STATE:-${quoted(state)}}

capture=no
question=
for word in "$@"; do
  case $word in
    --extcap-interfaces | --extcap-dlts | --extcap-config) question=$word ;;
    --extcap-version*) [ -n "$question" ] || question=--extcap-version ;;
    --capture) capture=yes ;;
  esac
done

if [ "$capture" = yes ]; then
  PODPLANE_STATE=$state exec "$node" "$main" extcap "$@"
fi

case $question in
  --extcap-interfaces)
    echo "extcap {version=1.0}{display=podplane}"
    for socket in "$state"/*.sock; do
      [ -S "$socket" ] || continue
      lab=\${socket##*/}
      lab=\${lab%.sock}
      echo "interface {value=podplane-$lab}{display=podplane lab $lab}"
    done
    ;;
  --extcap-version) echo "extcap {version=1.0}{display=podplane}" ;;
  --extcap-dlts) echo "dlt {number=228}{name=IPV4}{display=Raw IPv4}" ;;
  --extcap-config)
    echo "arg {number=0}{call=--snaplen}{display=Bytes of each packet}{type=unsigned}{range=1,262144}{default=262144}"
    echo "arg {number=1}{call=--drops}{display=Dropped packets once more, where they were seen last}{type=boolflag}{default=false}"
    echo "arg {number=2}{call=--segments}{display=GSO super-packets as segments}{type=boolflag}{default=false}"
    ;;
  *)
    echo "Wireshark runs this program; a person writes podplane capture" >&2
    exit 1
    ;;
esac
`;
}
