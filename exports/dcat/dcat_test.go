package dcat_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/exports/dcat"
)

func dataset() dcat.Dataset {
	return dcat.Dataset{
		Address: "https://service.kassel.example/umfragen/smart-kassel/ergebnisse/#dataset", Identifier: "smart-kassel",
		Title:       content.Text{"de": "Smart Kassel: „Ergebnisse“", "en": "Smart Kassel"},
		Description: content.Text{"de": "Was Menschen antworteten.\nMit \"Anführung\" und \\ Strich.", "ls": "Das haben die Menschen gesagt."},
		Keywords:    []string{"Beteiligung", "Smart City"}, Themes: []string{"GOVE", "SOCI"}, Page: "https://service.kassel.example/umfragen/smart-kassel/ergebnisse/",
		Issued: time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC), Modified: time.Date(2026, 12, 24, 11, 30, 0, 0, time.UTC), From: "2026-11-01", To: "2026-12-24", Every: "IRREG", Version: "3",
		Public: true, Licence: dcat.Attribution2, Attribution: "Stadt Kassel", Publisher: dcat.Agent{Name: "Stadt Kassel", Address: "https://www.kassel.de/"},
		Contact: dcat.Agent{Name: "Kassel Service Point", Email: "service@kassel.example"}, Contributor: "beispiel", Municipality: dcat.Kassel,
		Files: []dcat.File{
			{Access: "https://service.kassel.example/umfragen/smart-kassel/ergebnisse/", Download: "smart kassel.csv", Title: content.Text{"de": "CSV"}, MediaType: "text/csv", Format: "CSV", Bytes: 1234, SHA256: strings.Repeat("0f", 32)},
			{Access: "https://service.kassel.example/umfragen/smart-kassel/ergebnisse/", MediaType: "application/vnd.apache.parquet", Format: "PARQUET", Bytes: 99, SHA256: strings.Repeat("a1", 32)},
		},
	}
}

func both(t *testing.T, d dcat.Dataset) (turtle, jsonld string) {
	t.Helper()
	var a, b bytes.Buffer
	if err := d.Turtle(&a); err != nil {
		t.Fatal(err)
	}
	if err := d.JSONLD(&b); err != nil {
		t.Fatal(err)
	}
	return a.String(), b.String()
}

func TestRequiredProperties(t *testing.T) {
	turtle, jsonld := both(t, dataset())
	for _, want := range []string{
		`a dcat:Dataset`, `dcterms:title "Smart Kassel: „Ergebnisse“"@de`, `dcterms:description "Was Menschen antworteten.\nMit \"Anführung\" und \\ Strich."@de`, `"Das haben die Menschen gesagt."@de-simple`,
		`dcatde:contributorID <http://dcat-ap.de/def/contributors/beispiel>`,
		`dcatde:politicalGeocodingURI <http://dcat-ap.de/def/politicalGeocoding/municipalityKey/06611000>`,
		`dcatde:politicalGeocodingLevelURI <http://dcat-ap.de/def/politicalGeocoding/Level/municipality>`,
		`dcterms:license <http://dcat-ap.de/def/licenses/dl-by-de/2.0>`, `dcatde:licenseAttributionByText "Stadt Kassel"`,
		`foaf:name "Stadt Kassel"`, `dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv>`,
		`spdx:checksumValue "` + strings.Repeat("0f", 32) + `"^^xsd:hexBinary`, `dcat:byteSize "1234"^^xsd:nonNegativeInteger`, `dcat:downloadURL <smart%20kassel.csv>`,
		`dcterms:accessRights <http://publications.europa.eu/resource/authority/access-right/PUBLIC>`, `dcat:startDate "2026-11-01"^^xsd:date`,
	} {
		if !strings.Contains(turtle, want) {
			t.Errorf("no %s in\n%s", want, turtle)
		}
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(jsonld), &doc); err != nil {
		t.Fatal(err)
	}
	if files, _ := doc["dcat:distribution"].([]any); doc["@type"] != "dcat:Dataset" || len(files) != 2 {
		t.Errorf("%s", jsonld)
	}
	internal := dataset()
	internal.Public, internal.Licence, internal.Attribution = false, "", ""
	if turtle, _ = both(t, internal); !strings.Contains(turtle, "NON_PUBLIC") || strings.Contains(turtle, "license") {
		t.Errorf("internal data:\n%s", turtle)
	}
}

func TestMissing(t *testing.T) {
	if got := dataset().Missing(); got != nil {
		t.Error(got)
	}
	for _, c := range []struct {
		name  string
		spoil func(d *dcat.Dataset)
	}{
		{"dcterms:title", func(d *dcat.Dataset) { d.Title = content.Text{"en": "x"} }},
		{"dcterms:description", func(d *dcat.Dataset) { d.Description = nil }},
		{"dcterms:identifier", func(d *dcat.Dataset) { d.Identifier = "" }},
		{"dcterms:publisher", func(d *dcat.Dataset) { d.Publisher.Name = "" }},
		{"dcatde:contributorID", func(d *dcat.Dataset) { d.Contributor = "" }},
		{"dcterms:license", func(d *dcat.Dataset) { d.Licence = "" }},
		{"dcatde:licenseAttributionByText", func(d *dcat.Dataset) { d.Attribution = "" }},
		{"dcat:distribution", func(d *dcat.Dataset) { d.Files = nil }},
		{"dcat:accessURL", func(d *dcat.Dataset) { d.Files[1].Access = "" }},
	} {
		d := dataset()
		c.spoil(&d)
		if got := d.Missing(); !slices.Equal(got, []string{c.name}) {
			t.Errorf("without %s: %v", c.name, got)
		}
	}
}

// rdflib reads both forms and finds the same statements.
const rdfScript = `
import sys
from rdflib import Graph
from rdflib.compare import isomorphic
a, b = Graph().parse("a.ttl", publicID="http://h.example/"), Graph().parse("a.jsonld", format="json-ld", base="http://h.example/")
q = """PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX spdx: <http://spdx.org/rdf/terms#> PREFIX dcterms: <http://purl.org/dc/terms/>
SELECT ?d ?m ?h WHERE { ?s a dcat:Dataset; dcat:distribution ?f . ?f dcat:accessURL ?a; dcat:mediaType ?m; spdx:checksum/spdx:checksumValue ?h OPTIONAL { ?f dcat:downloadURL ?d } } ORDER BY ?m"""
print(len(a), isomorphic(a, b))
for row in a.query(q): print(*row)
`

func TestRdflibForeignReader(t *testing.T) {
	python := ""
	for _, p := range []string{"/usr/bin/python3", "python3"} { // Debian's packages belong to Debian's Python
		if exec.CommandContext(t.Context(), p, "-c", "import rdflib").Run() == nil {
			python = p
			break
		}
	}
	if python == "" {
		if os.Getenv("SERVICEPOINT_VERIFY") != "" {
			t.Fatal("no rdflib: .ci/tools verify installs python3-rdflib")
		}
		t.Skip("NOT CHECKED: no rdflib on this machine (Debian: python3-rdflib)")
	}
	dir := t.TempDir()
	turtle, jsonld := both(t, dataset())
	for name, text := range map[string]string{"a.ttl": turtle, "a.jsonld": jsonld, "a.py": rdfScript} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), python, "a.py")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, turtle)
	}
	want := fmt.Sprintf("True\nNone https://www.iana.org/assignments/media-types/application/vnd.apache.parquet %s\nhttp://h.example/smart%%20kassel.csv https://www.iana.org/assignments/media-types/text/csv %s\n", strings.Repeat("a1", 32), strings.Repeat("0f", 32))
	if _, got, _ := strings.Cut(string(out), " "); got != want {
		t.Errorf("rdflib read\n%s\nwant …%s", out, want)
	}
}
