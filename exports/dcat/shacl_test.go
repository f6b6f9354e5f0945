package dcat_test

import (
	"slices"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/exports/dcat"
	"servicepoint/exports/dcat/dcattest"
)

// A whole description breaks no rule; every spoilt one breaks the one it should.
func TestShapesForeignReader(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(d *dcat.Dataset)
		want  []string
	}{
		{"nothing", func(*dcat.Dataset) {}, []string{}},
		{"without title", func(d *dcat.Dataset) { d.Title = nil }, []string{"title MinCountConstraintComponent"}},
		{"without description", func(d *dcat.Dataset) { d.Description = content.Text{} }, []string{"description MinCountConstraintComponent"}},
		{"without contributor", func(d *dcat.Dataset) { d.Contributor = "" }, []string{"contributorID MinCountConstraintComponent"}},
		{"publisher without name", func(d *dcat.Dataset) { d.Publisher.Name = "" }, []string{"name MinCountConstraintComponent"}},
		{"a theme that is none", func(d *dcat.Dataset) { d.Themes = []string{"CITY"} }, []string{"theme PatternConstraintComponent"}},
		{"a wrong municipality key", func(d *dcat.Dataset) { d.Municipality = "6611" }, []string{"politicalGeocodingURI PatternConstraintComponent"}},
		{"contact without a way", func(d *dcat.Dataset) { d.Contact.Email = "" }, []string{"contactPoint NodeConstraintComponent"}},
		{"no credit", func(d *dcat.Dataset) { d.Attribution = "" }, []string{"node OrConstraintComponent", "node OrConstraintComponent"}},
		{"no licence", func(d *dcat.Dataset) { d.Licence, d.Attribution = "", "" }, []string{"license MinCountConstraintComponent", "license MinCountConstraintComponent"}},
		{"the end before the beginning", func(d *dcat.Dataset) { d.From, d.To = d.To, d.From }, []string{"startDate LessThanOrEqualsConstraintComponent"}},
		{"a file without address", func(d *dcat.Dataset) { d.Files[1].Access = "" }, []string{"accessURL MinCountConstraintComponent"}},
		{"a hash that is none", func(d *dcat.Dataset) { d.Files[0].SHA256 = "xyz" }, []string{"checksumValue DatatypeConstraintComponent"}},
	}
	var turtles []string
	for _, c := range cases {
		d := dataset()
		c.spoil(&d)
		turtle, _ := both(t, d)
		turtles = append(turtles, turtle)
	}
	for i, got := range dcattest.Broken(t, turtles...) {
		if c := cases[i]; !slices.Equal(got, c.want) {
			t.Errorf("%s: breaks %s, want %s", c.name, strings.Join(got, ", "), strings.Join(c.want, ", "))
		}
	}
}
