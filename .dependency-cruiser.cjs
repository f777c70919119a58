// The floors of docs/architecture.md: every arrow points down.
const floor = (name, from, to, comment) => ({
  name,
  severity: "error",
  comment,
  from: { path: from },
  to: { path: to },
});

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", comment: "A cycle has no floor.", from: {}, to: { circular: true } },
    {
      name: "plane-is-closed",
      severity: "error",
      comment: "plane/ imports nothing but itself: no node:* module, no package (docs/architecture.md, Floors).",
      from: { path: "^src/plane/" },
      to: { pathNot: "^src/plane/" },
    },
    floor("device-looks-down", "^src/device/", "^src/(control|observe|lab|cli)/", "device/ knows plane/ only."),
    floor("control-looks-down", "^src/control/", "^src/(device|observe|lab|cli)/", "control/ knows plane/ only."),
    floor("observe-looks-down", "^src/observe/", "^src/(device|lab|cli)/", "observe/ knows plane/ and control/ only."),
    floor("lab-looks-down", "^src/lab/", "^src/cli/", "lab/ is composed by cli/, never the other way round."),
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
  },
};
