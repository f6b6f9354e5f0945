package site

import (
	"regexp"
	"strings"

	"servicepoint/content"
)

// dynamicRoutes are the addresses that the server answers itself and that
// static pages may link to, without language prefix. Whoever adds a public route
// that pages link to adds it here.
var dynamicRoutes = []*regexp.Regexp{
	regexp.MustCompile(`^/umfragen/[a-z0-9-]+/teilnehmen/$`),
	regexp.MustCompile(`^/umfragen/[a-z0-9-]+/ergebnisse/daten/[a-z]+\.(xlsx|csv|json|ttl|jsonld)$`),
	regexp.MustCompile(`^/(umfragen|ideen)/bilder/[0-9a-f]{64}\.(jpg|png)$`),
	regexp.MustCompile(`^/ideen/[a-z0-9-]+/(einreichen|[a-z0-9-]+/unterstuetzen)/$`),
	regexp.MustCompile(`^/veranstaltungen/[a-z0-9-]+/(buchen|live)/$`),
	regexp.MustCompile(`^/leistungen/[a-z0-9-]+/anfrage/$`),
	regexp.MustCompile(`^/(abfall|anliegen|aufruf|fuehrungen|termine|anmelden|abmelden|barriere-melden|buchungen|konto|meine-idee|redaktion|planung|schalter)/([a-z0-9/-]*/)?$`),
	regexp.MustCompile(`^/api/v1/[a-z0-9/-]*$`),
}

// dynamic reports whether the server answers the address itself.
func dynamic(path string) bool {
	path = withoutLanguage(path)
	for _, route := range dynamicRoutes {
		if route.MatchString(path) {
			return true
		}
	}
	return false
}

func withoutLanguage(path string) string {
	for _, lang := range content.Languages {
		if p := prefix(lang); p != "" && strings.HasPrefix(path, p+"/") {
			return path[len(p):]
		}
	}
	return path
}

// languageOf tells the language of an address.
func languageOf(path string) string {
	for _, lang := range content.Languages {
		if p := prefix(lang); p != "" && (strings.HasPrefix(path, p+"/") || path == p) {
			return lang
		}
	}
	return content.German
}
