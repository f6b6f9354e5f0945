package formats

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"servicepoint/content/survey/surveytest"
)

// TestDDIForeignReader holds our codebooks against the schema of DDI-Codebook
// 2.6. The schemas are not part of the project.
func TestDDIForeignReader(t *testing.T) {
	schema := filepath.Join(shared(), "ddi/schemas/codebook.xsd")
	lint, err := exec.LookPath("xmllint")
	_, missing := os.Stat(schema)
	switch verify := os.Getenv("SERVICEPOINT_VERIFY") != ""; {
	case missing != nil:
		t.Skipf("the DDI schemas are not here: %v; name the folder above ddi/ in SERVICEPOINT_SHARED", missing)
	case err != nil && verify:
		t.Fatal("xmllint is missing: apt-get install libxml2-utils")
	case err != nil:
		t.Skip("xmllint is missing: apt-get install libxml2-utils")
	}
	check := func(t *testing.T, name string, b []byte) string {
		file := filepath.Join(t.TempDir(), name+".xml")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(lint, "--nonet", "--noout", "--schema", schema, file).CombinedOutput()
		if err == nil {
			return ""
		}
		return string(out)
	}
	b, _, err := Write(DDI, surveytest.Everything())
	if err != nil {
		t.Fatal(err)
	}
	if out := check(t, "everything", b); out != "" {
		t.Errorf("%s\n%s", out, b)
	}
	// The reader can say no.
	if out := check(t, "broken", []byte(strings.Replace(string(b), "<qstnLit", "<nonsense/><qstnLit", 1))); out == "" {
		t.Error("xmllint accepts what is no codebook")
	}
	for _, name := range realFiles {
		q, _, err := Read(name, real(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if b, _, err = Write(DDI, q); err != nil {
			t.Fatal(err)
		}
		if out := check(t, "real", b); out != "" {
			t.Errorf("%s: %.600s", name, out)
		}
	}
}
