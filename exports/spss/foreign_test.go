package spss_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"servicepoint/exports/delimited"
	"servicepoint/exports/frame"
	"servicepoint/exports/spss"
)

// foreign finds a program that another package must bring.
func foreign(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("SERVICEPOINT_VERIFY") != "" {
		t.Fatalf("no %s: .ci/tools verify installs %s", program, debian)
	}
	if err != nil {
		t.Skipf("NOT CHECKED: no %s on this machine (Debian: %s)", program, debian)
	}
	return path
}

// run runs a program in a folder and gives what it said.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%.4000s", program, err, out)
	}
	return string(out)
}

func put(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func reopened(t *testing.T, path string) *opened {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// warnings are the lines that PSPP complains in. PSPP before 2.0 expects the
// length of a missing value of long texts before each of them, where SPSS and its
// manual have it once: it says so and goes on without.
func warnings(out string) (all []string) {
	for _, line := range strings.Split(out, "\n") {
		if (strings.Contains(line, "warning:") || strings.Contains(line, "error:")) && !strings.Contains(line, "Extension record subtype 22") {
			all = append(all, line)
		}
	}
	return all
}

// equal holds what one reader found against what another did.
func equal(t *testing.T, got, want *opened, longMissing bool) {
	t.Helper()
	if len(got.vars) != len(want.vars) {
		t.Fatalf("%d variables, want %d", len(got.vars), len(want.vars))
	}
	for i, v := range want.vars {
		g := *got.vars[i]
		w := *v
		if !longMissing && w.width > 8 {
			g.missing, w.missing = nil, nil
		}
		if len(g.missing)+len(w.missing) == 0 {
			g.missing, w.missing = nil, nil
		}
		if w.width > 0 { // wider is as good
			g.width = w.width
		}
		if !reflect.DeepEqual(g, w) {
			t.Errorf("variable %d:\n%+v\nwant\n%+v", i+1, g, w)
		}
	}
	if len(got.rows) != len(want.rows) {
		t.Fatalf("%d rows, want %d", len(got.rows), len(want.rows))
	}
	for i := range want.rows {
		for j := range want.rows[i] {
			if got.rows[i][j] != want.rows[i][j] {
				t.Errorf("row %d, %s: %v, want %v", i+1, want.vars[j].name, got.rows[i][j], want.rows[i][j])
			}
		}
	}
	if a, b := memberLabels(got), memberLabels(want); a != b {
		t.Errorf("sets %q, want %q", a, b)
	}
}

// memberLabels are the multiple response sets without the short names, which
// every program makes anew: "$name=D1 1 <length> <label>", and how many names.
func memberLabels(f *opened) string {
	var all []string
	for _, line := range strings.Split(strings.TrimSpace(f.sets), "\n") {
		parts := strings.SplitN(line, " ", 4)
		if n, err := strconv.Atoi(parts[len(parts)-2]); err == nil && len(parts) == 4 {
			all = append(all, fmt.Sprint(parts[0], " ", parts[3][:n], " ", len(strings.Fields(parts[3][n:]))))
		}
	}
	return strings.Join(all, "; ")
}

// PSPP reads the file and writes it again: nothing may be lost or changed.
func TestPSPPForeignReaderOfSystemFiles(t *testing.T) {
	pspp := foreign(t, "pspp", "pspp")
	dir := t.TempDir()
	b := sav(t, everything())
	put(t, dir, "a.sav", b)
	put(t, dir, "a.sps", []byte("GET FILE='a.sav'.\nSAVE OUTFILE='b.sav'.\n"))
	if w := warnings(run(t, dir, pspp, "a.sps")); len(w) > 0 {
		t.Errorf("PSPP says %q", w)
	}
	want, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, reopened(t, filepath.Join(dir, "b.sav")), want, false)
}

// withoutLines is everything without line breaks in texts.
func withoutLines() *frame.Frame {
	f := everything()
	rows := f.Rows
	f.Rows = func(yield func([]frame.Value, error) bool) {
		for cells, err := range rows {
			cells = append([]frame.Value(nil), cells...)
			for i := range cells {
				cells[i].Text = strings.ReplaceAll(cells[i].Text, "\n", " ")
			}
			if !yield(cells, err) {
				return
			}
		}
	}
	return f
}

func csv(t *testing.T, f *frame.Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	s, err := delimited.NewCSV(&b, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(frame.Pour(t.Context(), f, nil, s), s.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The syntax makes of the CSV what the system file holds.
func TestPSPPForeignReaderOfSyntax(t *testing.T) {
	pspp := foreign(t, "pspp", "pspp")
	for what, f := range map[string]*frame.Frame{"from the CSV": withoutLines(), "from the system file": everything()} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			file := sav(t, f)
			put(t, dir, "smart-kassel.csv", csv(t, f))
			put(t, dir, "smart-kassel.sav", file)
			var b bytes.Buffer
			if err := spss.WriteSyntax(&b, f, measured(t, f), "smart-kassel.csv", spss.Options{Notes: []string{"Stadt Kassel. Nur für Planende."}}); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(b.String(), "\n") {
				if len(line) > 256 {
					t.Errorf("a line of %d bytes: %.80s", len(line), line)
				}
			}
			b.WriteString("SAVE OUTFILE='b.sav'.\n")
			put(t, dir, "smart-kassel.sps", b.Bytes())
			if w := warnings(run(t, dir, pspp, "smart-kassel.sps")); len(w) > 0 {
				t.Errorf("PSPP says %q", w)
			}
			want, err := open(file)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, reopened(t, filepath.Join(dir, "b.sav")), want, what == "from the CSV")
		})
	}
}

// havenScript prints what haven finds: a line for every fact, texts escaped.
const havenScript = `
if (!requireNamespace("haven", quietly = TRUE)) { cat("no haven\n"); quit(status = 0) }
d <- haven::read_sav("a.sav", user_na = TRUE)
say <- function(...) cat(paste(..., sep = "\t"), "\n", sep = "")
esc <- function(x) encodeString(enc2utf8(as.character(x)))
num <- function(x) ifelse(is.na(x), "NA", formatC(x, digits = 17, format = "g", width = 1))
for (n in names(d)) {
  x <- d[[n]]; a <- attributes(x)
  say("label", n, esc(a$label))
  if (!is.null(a$na_values)) say("missing", n, paste(a$na_values, collapse = " "))
  for (i in seq_along(a$labels)) say("value", n, if (is.character(a$labels)) a$labels[[i]] else num(a$labels[[i]]), esc(names(a$labels)[i]))
  day <- inherits(x, "Date") || identical(a$format.spss, "EDATE10")
  v <- unclass(x)
  for (i in seq_along(v)) say("cell", n, i, if (is.character(v)) esc(v[[i]]) else if (day) num(v[[i]] * 86400 + 12219379200) else num(v[[i]]))
}
`

func TestHavenForeignReader(t *testing.T) {
	rscript := foreign(t, "Rscript", "r-cran-haven")
	dir := t.TempDir()
	b := sav(t, everything())
	put(t, dir, "a.sav", b)
	put(t, dir, "a.R", []byte(havenScript))
	out := run(t, dir, rscript, "--vanilla", "a.R")
	if strings.HasPrefix(out, "no haven") {
		if os.Getenv("SERVICEPOINT_VERIFY") != "" {
			t.Fatal("no haven: .ci/tools verify installs r-cran-haven")
		}
		t.Skip("NOT CHECKED: no haven on this machine (Debian: r-cran-haven)")
	}
	facts := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		facts[line] = true
	}
	f, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	expect := func(parts ...string) {
		t.Helper()
		n++
		if line := strings.Join(parts, "\t"); !facts[line] {
			t.Errorf("haven did not find %q", line)
		}
	}
	r := func(f float64) string { return strconv.FormatFloat(f, 'g', 17, 64) }
	for i, v := range f.vars {
		expect("label", v.name, v.label)
		if len(v.missing) > 0 {
			expect("missing", v.name, strings.Join(v.missing, " "))
		}
		for value, label := range v.values {
			expect("value", v.name, value, label)
		}
		for k, row := range f.rows {
			switch cell := row[i].(type) {
			case nil:
				expect("cell", v.name, strconv.Itoa(k+1), "NA")
			case float64:
				expect("cell", v.name, strconv.Itoa(k+1), r(cell))
			case string:
				expect("cell", v.name, strconv.Itoa(k+1), strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`).Replace(cell))
			}
		}
	}
	if n != len(facts) {
		t.Errorf("haven found %d facts, the file has %d:\n%.3000s", len(facts), n, out)
	}
}

// rScript prints the data frames that our script made.
const rScript = `
source("smart-kassel.R", encoding = "UTF-8")
say <- function(...) cat(paste(..., sep = "\t"), "\n", sep = "")
esc <- function(x) encodeString(enc2utf8(as.character(x)))
stopifnot(identical(names(daten), names(codes)))
for (n in names(daten)) {
  x <- daten[[n]]
  say("class", n, class(x)[1], attr(x, "label"))
  for (i in seq_along(x)) say("cell", n, i, if (is.numeric(x) && !is.factor(x)) format(x[i], digits = 15) else esc(x[i]), if (is.null(gruende[[n]])) "-" else esc(gruende[[n]][i]))
}
say("order", paste(levels(daten$happy), collapse = "|"))
`

func TestRscriptForeignReader(t *testing.T) {
	rscript := foreign(t, "Rscript", "r-base-core")
	dir := t.TempDir()
	f := everything()
	put(t, dir, "smart-kassel.csv", csv(t, f))
	var b bytes.Buffer
	if err := spss.WriteR(&b, f, measured(t, f), "smart-kassel.csv", spss.Options{}); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "smart-kassel.R", b.Bytes())
	put(t, dir, "try.R", []byte(rScript))
	out := run(t, dir, rscript, "--vanilla", "try.R")
	facts := map[string]bool{}
	for _, line := range strings.Split(strings.ReplaceAll(out, "<NA>", "NA"), "\n") {
		facts[line] = true
	}
	for _, want := range []string{
		"class\tversion\tinteger\tVersion", "class\thappy\tfactor\tWie zufrieden sind Sie?", "class\trate\tnumeric\tTemperatur", "class\tsince\tDate\tSeit wann?", "class\tideas\tcharacter\tIdeen",
		"order\tsehr|geht so|gar nicht",
		"cell\thappy\t1\tsehr\tNA", "cell\thappy\t3\tNA\tübersprungen", "cell\thappy\t4\tNA\tNA", "cell\thappy\t5\tgeht so\tNA",
		"cell\tage\t1\t41\tNA", "cell\tage\t3\tNA\tübersprungen", "cell\trate\t1\t-98\tNA", "cell\trate\t3\tNA\tweiß nicht", "cell\trate\t5\t0.333333333333333\tNA",
		"cell\tsince\t2\t1890-01-01\tNA", "cell\tsince\t3\tNA\tkeine Angabe", "cell\tat\t1\t07:45\tNA", "cell\tthemes\t1\tenergy mobility\tNA", "cell\tthemes.energy\t1\t1\t-", "cell\tthemes.energy\t3\tNA\t-",
		`cell	ideas	5	Zeile eins\nZeile "zwei"; drei	NA`, "cell\tideas\t1\t=1+1\tNA", "cell\tshort\t2\t-99\tNA", "cell\tshort\t5\tit's\tNA", "cell\tV1\t2\t1e+15\t-",
	} {
		if !facts[want] {
			t.Errorf("R did not find %q", want)
		}
	}
	if t.Failed() {
		fmt.Println(out)
	}
}
