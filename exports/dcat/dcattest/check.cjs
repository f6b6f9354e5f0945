const fs = require('fs');
const load = name => import(require('url').pathToFileURL(process.env.SHACL + '/node_modules/' + name));
(async () => {
  const n3 = (await load('n3/lib/index.js')).default;
  const { default: Validator } = await load('rdf-validate-shacl/index.js');
  const read = path => new n3.Store(new n3.Parser({ baseIRI: 'http://h.example/a/' }).parse(fs.readFileSync(path, 'utf8')));
  const validator = new Validator(read(process.argv[2])), all = [];
  for (const path of process.argv.slice(3)) {
    const report = await validator.validate(read(path));
    all.push(report.results.map(r => (r.path ? r.path.value : 'node').replace(/^.*[#/]/, '') + ' ' + r.sourceConstraintComponent.value.replace(/^.*#/, '')).sort());
  }
  console.log(JSON.stringify(all));
})().catch(e => { console.error(e); process.exit(1); });
