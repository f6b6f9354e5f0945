package ddi

import (
	"encoding/xml"
	"strconv"
)

// The parts of DDI-Codebook 2.6 that an export fills, in the schema's order.

type codeBook struct {
	XMLName xml.Name          `xml:"ddi:codebook:2_6 codeBook"`
	Version string            `xml:"version,attr"`
	Lang    string            `xml:"xml:lang,attr"`
	Study   study             `xml:"stdyDscr"`
	Files   []fileDescription `xml:"fileDscr"`
	Data    data              `xml:"dataDscr"`
}

type study struct {
	Citation citation `xml:"citation"`
	Info     info     `xml:"stdyInfo"`
	Access   *access  `xml:"dataAccs"`
}

type citation struct {
	Title      titles      `xml:"titlStmt"`
	Production *production `xml:"prodStmt"`
	Version    *version    `xml:"verStmt"`
}

type titles struct {
	Main     text   `xml:"titl"`
	Parallel []text `xml:"parTitl"`
	ID       string `xml:"IDNo"`
}

type production struct {
	Producer string `xml:"producer,omitempty"`
	Date     *date  `xml:"prodDate"`
	Software *text  `xml:"software"`
}

type version struct {
	Version string `xml:"version"`
}

type info struct {
	Abstract []text   `xml:"abstract"`
	Summary  *summary `xml:"sumDscr"`
}

type summary struct {
	Collected []date `xml:"collDate"`
	Place     *text  `xml:"geogCover"`
	Kind      string `xml:"dataKind"`
}

type access struct {
	Conditions text `xml:"useStmt>conditions"`
}

type date struct {
	Event string `xml:"event,attr,omitempty"`
	Day   string `xml:"date,attr,omitempty"`
	Text  string `xml:",chardata"`
}

type text struct {
	Lang string `xml:"xml:lang,attr,omitempty"`
	Text string `xml:",chardata"`
}

type fileDescription struct {
	ID   string `xml:"ID,attr"`
	Text struct {
		Name string `xml:"fileName"`
		Size struct {
			Cases     int `xml:"caseQnty"`
			Variables int `xml:"varQnty"`
		} `xml:"dimensns"`
		Type string `xml:"fileType,omitempty"`
	} `xml:"fileTxt"`
}

type data struct {
	Groups    []group    `xml:"varGrp"`
	Variables []variable `xml:"var"`
}

type group struct {
	ID        string `xml:"ID,attr"`
	Type      string `xml:"type,attr"`
	Variables string `xml:"var,attr"`
	Labels    []text `xml:"labl"`
}

type variable struct {
	ID         string      `xml:"ID,attr"`
	Name       string      `xml:"name,attr"`
	Files      string      `xml:"files,attr,omitempty"`
	Interval   string      `xml:"intrvl,attr,omitempty"`
	Labels     []text      `xml:"labl"`
	Security   *text       `xml:"security"`
	Question   *question   `xml:"qstn"`
	Universe   *text       `xml:"universe"`
	Statistics []statistic `xml:"sumStat"`
	Text       *text       `xml:"txt"`
	Categories []category  `xml:"catgry"`
	Format     *form       `xml:"varFormat"`
}

type question struct {
	Text []text `xml:"qstnLit"`
}

type statistic struct {
	Type  string `xml:"type,attr"`
	Value string `xml:",chardata"`
}

type category struct {
	Missing string    `xml:"missing,attr,omitempty"`
	Value   string    `xml:"catValu"`
	Labels  []text    `xml:"labl"`
	Count   statistic `xml:"catStat"`
}

func frequency(n int) statistic { return statistic{"freq", strconv.Itoa(n)} }

type form struct {
	Type string `xml:"type,attr"`
}
