// Package dcat describes a set of files as a dataset after DCAT-AP.de 3.0, the form
// in which German open-data portals exchange metadata (GovData): licence,
// publisher, political geography, and for every file its media type, size and
// SHA-256.
//
// [Dataset.Turtle] and [Dataset.JSONLD] write the same statements; addresses may
// be relative, then they count from where the metadata lies.
// [Dataset.Missing] tells which properties a portal will want that are not set.
package dcat

import (
	"slices"
	"strconv"
	"time"

	"servicepoint/content"
)

// Dataset is what is described.
type Dataset struct {
	Address     string // of the dataset, e.g. its page with "#dataset"; may be relative
	Identifier  string // never changes
	Title       content.Text
	Description content.Text
	Keywords    []string // German
	Themes      []string // codes of the EU's data themes: "GOVE", "SOCI", "REGI", …
	Page        string   // address of a page for people; "" is none
	Issued      time.Time
	Modified    time.Time
	From, To    string // first and last day of what the data are about, YYYY-MM-DD
	Every       string // code of the EU's frequencies: "DAILY", "IRREG"; "" is unknown
	Version     string

	Public       bool // open data; otherwise for internal use
	Licence      string
	Attribution  string // text of the licence's credit; only open licences want one
	Publisher    Agent
	Contact      Agent
	Contributor  string // the identifier that GovData assigned to the city; "" is none yet
	Municipality string // official municipality key; Kassel is [Kassel]

	Files []File
}

// Kassel is the official municipality key (AGS) of the City of Kassel.
const Kassel = "06611000"

// Licences of the list that DCAT-AP.de keeps.
const (
	Attribution2 = "dl-by-de/2.0"   // Datenlizenz Deutschland – Namensnennung 2.0
	Zero2        = "dl-zero-de/2.0" // Datenlizenz Deutschland – Zero 2.0
)

// Agent is an organisation.
type Agent struct {
	Name    string
	Email   string
	Address string // of its home page
}

// File is a distribution of the dataset.
type File struct {
	Access    string // address where it can be had; may be relative
	Download  string // address of the file itself, "" when that is not public
	Title     content.Text
	MediaType string // without parameters
	Format    string // code of the EU's file types: "CSV", "XLSX", "JSON"; "" is none of them
	Bytes     int64
	SHA256    string // hexadecimal
}

// Missing names what DCAT-AP.de requires or GovData asks for and is not there.
func (d Dataset) Missing() (names []string) {
	for _, one := range []struct {
		name string
		ok   bool
	}{
		{"dcterms:title", d.Title[content.German] != ""}, {"dcterms:description", d.Description[content.German] != ""},
		{"dcterms:identifier", d.Identifier != ""}, {"dcterms:publisher", d.Publisher.Name != ""},
		{"dcatde:contributorID", d.Contributor != ""}, {"dcat:distribution", len(d.Files) > 0}, {"dcterms:license", d.Licence != "" || !d.Public},
		{"dcatde:licenseAttributionByText", d.Licence != Attribution2 || d.Attribution != ""},
		{"dcat:accessURL", !slices.ContainsFunc(d.Files, func(f File) bool { return f.Access == "" })},
	} {
		if !one.ok {
			names = append(names, one.name)
		}
	}
	return names
}

// The vocabularies.
var prefixes = [][2]string{
	{"adms", "http://www.w3.org/ns/adms#"},
	{"dcat", "http://www.w3.org/ns/dcat#"},
	{"dcatap", "http://data.europa.eu/r5r/"},
	{"dcatde", "http://dcat-ap.de/def/dcatde/"},
	{"dcterms", "http://purl.org/dc/terms/"},
	{"foaf", "http://xmlns.com/foaf/0.1/"},
	{"rdfs", "http://www.w3.org/2000/01/rdf-schema#"},
	{"spdx", "http://spdx.org/rdf/terms#"},
	{"vcard", "http://www.w3.org/2006/vcard/ns#"},
	{"xsd", "http://www.w3.org/2001/XMLSchema#"},
}

const (
	euAuthority = "http://publications.europa.eu/resource/authority/"
	germanDefs  = "http://dcat-ap.de/def/"
	mediaTypes  = "https://www.iana.org/assignments/media-types/"
)

// graph makes the statements.
func (d Dataset) graph() *node {
	n := &node{id: d.Address, kind: "dcat:Dataset"}
	n.texts("dcterms:title", d.Title)
	n.texts("dcterms:description", d.Description)
	n.text("dcterms:identifier", d.Identifier)
	for _, word := range d.Keywords {
		n.add("dcat:keyword", literal{text: word, lang: "de"})
	}
	for _, theme := range d.Themes {
		n.iri("dcat:theme", euAuthority+"data-theme/"+theme)
	}
	for _, lang := range content.Languages {
		if lang != content.Easy && d.Title[lang] != "" {
			n.iri("dcterms:language", euAuthority+"language/"+map[string]string{content.German: "DEU", content.English: "ENG"}[lang])
		}
	}
	n.iri("dcat:landingPage", d.Page)
	n.moment("dcterms:issued", d.Issued)
	n.moment("dcterms:modified", d.Modified)
	if d.From != "" || d.To != "" {
		period := &node{kind: "dcterms:PeriodOfTime"}
		period.day("dcat:startDate", d.From)
		period.day("dcat:endDate", d.To)
		n.add("dcterms:temporal", period)
	}
	if d.Every != "" {
		n.iri("dcterms:accrualPeriodicity", euAuthority+"frequency/"+d.Every)
	}
	n.text("dcat:version", d.Version)
	n.iri("dcterms:accessRights", euAuthority+"access-right/"+map[bool]string{true: "PUBLIC", false: "NON_PUBLIC"}[d.Public])
	n.add("dcterms:publisher", d.Publisher.agent("foaf:Agent"))
	if d.Contact != (Agent{}) {
		contact := &node{kind: "vcard:Organization"}
		contact.text("vcard:fn", d.Contact.Name)
		if d.Contact.Email != "" {
			contact.iri("vcard:hasEmail", "mailto:"+d.Contact.Email)
		}
		contact.iri("vcard:hasURL", d.Contact.Address)
		n.add("dcat:contactPoint", contact)
	}
	if d.Contributor != "" {
		n.iri("dcatde:contributorID", germanDefs+"contributors/"+d.Contributor)
	}
	if d.Municipality != "" {
		n.iri("dcatde:politicalGeocodingLevelURI", germanDefs+"politicalGeocoding/Level/municipality")
		n.iri("dcatde:politicalGeocodingURI", germanDefs+"politicalGeocoding/municipalityKey/"+d.Municipality)
	}
	for _, f := range d.Files {
		n.add("dcat:distribution", d.file(f))
	}
	return n
}

func (d Dataset) file(f File) *node {
	n := &node{kind: "dcat:Distribution"}
	n.texts("dcterms:title", f.Title)
	n.iri("dcat:accessURL", f.Access)
	n.iri("dcat:downloadURL", f.Download)
	if f.MediaType != "" {
		n.iri("dcat:mediaType", mediaTypes+f.MediaType)
	}
	if f.Format != "" {
		n.iri("dcterms:format", euAuthority+"file-type/"+f.Format)
	}
	if f.Bytes > 0 {
		n.add("dcat:byteSize", literal{text: strconv.FormatInt(f.Bytes, 10), kind: "xsd:nonNegativeInteger"})
	}
	if f.SHA256 != "" {
		sum := &node{kind: "spdx:Checksum"}
		sum.iri("spdx:algorithm", "http://spdx.org/rdf/terms#checksumAlgorithm_sha256")
		sum.add("spdx:checksumValue", literal{text: f.SHA256, kind: "xsd:hexBinary"})
		n.add("spdx:checksum", sum)
	}
	if d.Licence != "" {
		n.iri("dcterms:license", germanDefs+"licenses/"+d.Licence)
		n.text("dcatde:licenseAttributionByText", d.Attribution)
	}
	n.moment("dcterms:issued", d.Issued)
	n.moment("dcterms:modified", d.Modified)
	return n
}

func (a Agent) agent(kind string) *node {
	n := &node{kind: kind}
	n.text("foaf:name", a.Name)
	if a.Email != "" {
		n.iri("foaf:mbox", "mailto:"+a.Email)
	}
	n.iri("foaf:homepage", a.Address)
	return n
}
