package delimited_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servicepoint/exports/delimited"
	"servicepoint/exports/frame/frametest"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func described(t *testing.T) []byte {
	t.Helper()
	b, err := delimited.DataPackage(delimited.Package{
		Name: "smart-kassel", Title: "Smart Kassel", Created: time.Date(2026, 12, 2, 11, 0, 0, 0, time.UTC), Version: "2", Publisher: "Stadt Kassel",
		Licence:   &delimited.Licence{Name: "dl-de-by-2.0", Title: "Datenlizenz Deutschland – Namensnennung – Version 2.0", Path: "https://www.govdata.de/dl-de/by-2-0"},
		Resources: []delimited.Resource{{Frame: frametest.Traps(), Path: "pruefung.csv", Bytes: 17, SHA256: strings.Repeat("0a", 32)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestThePackageDescribesTheColumns(t *testing.T) {
	var doc struct {
		Resources []struct {
			Hash   string
			Schema struct {
				Fields []struct {
					Name, Type, Format, Title, Unit, Delimiter string
					Labels                                     map[string]string
					Categories                                 []struct {
						Value any
						Label string
					}
				}
				MissingValues []struct{ Value, Label string }
			}
		}
	}
	if err := json.Unmarshal(described(t), &doc); err != nil {
		t.Fatal(err)
	}
	s := doc.Resources[0].Schema
	var types []string
	for _, f := range s.Fields {
		types = append(types, f.Name+" "+f.Type)
	}
	if got, want := strings.Join(types, ", "), "version integer, district string, themes string, themes.energy integer, age integer, rent number, since date, at time, ideas string"; got != want {
		t.Errorf("fields %s", got)
	}
	if d := s.Fields[1]; d.Title != "Wo wohnen Sie?" || d.Labels["en"] != "Where do you live?" || d.Categories[1].Value != "2" || d.Categories[1].Label != "Nord (Holland)" {
		t.Errorf("%+v", d)
	}
	if s.Fields[4].Unit != "Jahre" || s.Fields[2].Delimiter != " " || len(s.MissingValues) != 4 || s.MissingValues[1].Label != "übersprungen" || !strings.HasPrefix(doc.Resources[0].Hash, "sha256:0a0a") {
		t.Errorf("%+v", s)
	}
	if _, err := delimited.DataPackage(delimited.Package{Name: "x"}); err == nil {
		t.Error("a package of nothing")
	}
}

const lookahead = `^((?=[^./~])(?!file:)((?!\\/\\.\\.\\/)(?!\\\\)(?!:\\/\\/).)*|(http|ftp)s?:\\/\\/.*)$`

// The profiles of Data Package 2.0 say whether a description is one. They are not in
// the repository: SERVICEPOINT_PROFILES names the folder.
func TestForeignReaderTheProfilesHoldForThePackage(t *testing.T) {
	dir := os.Getenv("SERVICEPOINT_PROFILES")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "providers", "frictionless")
	}
	name := filepath.Join(dir, "profiles_target_2.0_datapackage.json")
	if _, err := os.Stat(name); err != nil {
		t.Skip("NOT CHECKED: no Data Package profiles in SERVICEPOINT_PROFILES, datapackage.json was not held against them")
	}
	check := func(profile string, doc []byte) error {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, profile))
		if err != nil {
			t.Fatal(err)
		}
		// Go's regular expressions know no looking ahead: of the pattern of paths only
		// the beginning is held against.
		text = bytes.ReplaceAll(text, []byte(lookahead), []byte(`^([^./~].*)$`))
		schemaDoc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(profile, schemaDoc); err != nil {
			t.Fatal(err)
		}
		schema, err := c.Compile(profile)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
	b := described(t)
	var doc struct {
		Resources []struct{ Schema json.RawMessage }
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if err := check("profiles_target_2.0_datapackage.json", b); err != nil {
		t.Error(err)
	}
	if err := check("profiles_target_2.0_tableschema.json", doc.Resources[0].Schema); err != nil {
		t.Error(err)
	}
	// The control: a type that does not exist is refused.
	if err := check("profiles_target_2.0_tableschema.json", bytes.Replace(doc.Resources[0].Schema, []byte(`"integer"`), []byte(`"liste"`), 1)); err == nil {
		t.Error("the profile refuses nothing")
	}
}
