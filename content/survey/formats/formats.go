// Package formats reads questionnaires of other programs and writes ours for them.
//
// [Read] takes LimeSurvey's .lss (both generations) and tab-separated files,
// XLSForm workbooks, SurveyJS JSON and our own JSON; [Write] makes our JSON,
// SurveyJS JSON, XLSForm and DDI-Codebook 2.6. Both say what could not be said in
// the same way as a list of [Loss]: every attribute of a source file is either
// carried over or reported. The package does no I/O and knows no database.
//
// Foreign files are not trusted: they are bounded in size, depth and number,
// document types and entities of XML are refused, labels lose all markup that is
// not plain emphasis, lists and links, and programs' expressions are translated
// into package condition, never evaluated.
package formats

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"servicepoint/content/survey"
)

// The formats.
const (
	Own      = "json"          // our own JSON, docs/questionnaire.schema.json
	SurveyJS = "surveyjs"      // JSON of SurveyJS
	XLSForm  = "xlsform"       // .xlsx
	LSS      = "limesurvey"    // .lss; read only
	TSV      = "limesurveytsv" // .txt or .tsv; read only
	DDI      = "ddi"           // DDI-Codebook 2.6 XML; written only
)

// Readable and Writable list the formats that Read and Write know.
var (
	Readable = []string{Own, SurveyJS, XLSForm, LSS, TSV}
	Writable = []string{Own, SurveyJS, XLSForm, DDI}
)

// MaxBytes bounds a file.
const MaxBytes = 10 << 20

// ErrUnknownFormat is returned for files that are none of the formats.
var ErrUnknownFormat = errors.New("none of the formats: our JSON, SurveyJS JSON, XLSForm .xlsx, LimeSurvey .lss or tab-separated text")

// Read reads a questionnaire of any format; name is the file's, which helps to
// tell the format. The losses say what is not as it was; an error that there is
// no questionnaire to be had. The questionnaire is a draft: its Validate may
// still find something to be settled by editors.
func Read(name string, b []byte) (survey.Questionnaire, []Loss, error) {
	format := Detect(name, b)
	read, ok := map[string]func([]byte) (survey.Questionnaire, []Loss, error){
		Own: readOwn, SurveyJS: readSurveyJS, XLSForm: readXLSForm, LSS: readLSS, TSV: readTSV,
	}[format]
	if len(b) > MaxBytes {
		return survey.Questionnaire{}, nil, fmt.Errorf("larger than %d MB", MaxBytes>>20)
	}
	if !ok {
		return survey.Questionnaire{}, nil, ErrUnknownFormat
	}
	q, losses, err := read(b)
	if err != nil {
		return survey.Questionnaire{}, losses, err
	}
	if q.Slug == "umfrage" || q.Slug == "" {
		if s := slug(strings.TrimSuffix(strings.TrimSuffix(path.Base(name), path.Ext(name)), ".surveyjs")); s != "umfrage" {
			if q.Title["de"] == q.Slug {
				q.Title["de"] = s
			}
			q.Slug = s
		}
	}
	return q, losses, nil
}

// Detect tells the format of a file, "" when it is none that can be read.
func Detect(name string, b []byte) string {
	start := bytes.TrimLeft(bytes.TrimPrefix(b[:min(len(b), 4096)], []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return XLSForm
	case bytes.HasPrefix(start, []byte("{")):
		if isOwn(b) {
			return Own
		}
		return SurveyJS
	case bytes.HasPrefix(start, []byte("<")):
		if bytes.Contains(b[:min(len(b), 1<<16)], []byte("LimeSurveyDocType")) || strings.EqualFold(path.Ext(name), ".lss") {
			return LSS
		}
	case utf8.Valid(start[:max(0, len(start)-utf8.UTFMax)]) && bytes.HasPrefix(bytes.TrimLeft(start, `"`), []byte("class")) && bytes.ContainsRune(start, '\t'):
		return TSV
	}
	return ""
}

// Write makes a file of the format.
func Write(format string, q survey.Questionnaire) ([]byte, []Loss, error) {
	write, ok := map[string]func(survey.Questionnaire) ([]byte, []Loss, error){
		Own: writeOwn, SurveyJS: writeSurveyJS, XLSForm: writeXLSForm, DDI: writeDDI,
	}[format]
	if !ok {
		return nil, nil, fmt.Errorf("%q is none of the formats that can be written: %s", format, strings.Join(Writable, ", "))
	}
	return write(q)
}

// Extension is what files of a format are called: ".json".
func Extension(format string) string {
	return map[string]string{Own: ".json", SurveyJS: ".surveyjs.json", XLSForm: ".xlsx", LSS: ".lss", TSV: ".txt", DDI: ".xml"}[format]
}
