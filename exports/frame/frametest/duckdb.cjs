// node -e this PACKAGE < statements: the rows of the last statement as JSON.
const { DuckDBInstance } = require(process.argv[1]);
(async () => {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const reader = await connection.runAndReadAll(require("fs").readFileSync(0, "utf8"));
  console.log(JSON.stringify({ Names: reader.columnNames(), Types: reader.columnTypes().map(String), Rows: reader.getRowsJson() }));
})().catch((e) => { console.error(String(e)); process.exit(1); });
