package results

import "regexp"

// masked stands in place of what may tell who somebody is.
const masked = "[…]"

// telling finds what often tells who somebody is. It misses much and finds too
// much: it helps whoever reads a text and decides nothing.
var telling = regexp.MustCompile(`(?i:[\w.+-]+@[\w-]+(?:\.[\w-]+)+)` + // mail
	`|(?i:https?://\S+|www\.\S+)` +
	`|\bDE\d{2}(?: ?\d{4}){4} ?\d{2}\b` + // IBAN
	`|(?:\+|\b0|\(0)[\d ()/.-]{5,}\d` + // telephone
	`|@\w{3,}` +
	`|\b\p{Lu}[\p{L}-]*(?:[Ss]tr(?:aße|asse|\.)|[Ww]eg|[Aa]llee|[Pp]latz|[Gg]asse)(?: ?\d+ ?[a-z]?\b)?` +
	`|\b\p{Lu}\p{L}+e[rn]? (?:Straße|Str\.|Weg|Allee|Platz)(?: ?\d+ ?[a-z]?\b)?` +
	`|\b(?:Herrn?|Frau|Familie|Dr\.|Prof\.)(?: (?:Dr\.|Prof\.))* \p{Lu}[\p{L}-]+(?: \p{Lu}[\p{L}-]+)?` +
	`|\b(?:(?i:mein name ist|ich heiße|ich heisse|my name is)) \p{Lu}[\p{L}-]+(?: \p{Lu}[\p{L}-]+)?`)

// mask proposes a text without what [telling] finds.
func mask(text string) string { return telling.ReplaceAllString(text, masked) }

// piece is a part of a text; Telling ones are marked on the page.
type piece struct {
	Text    string
	Telling bool
}

func pieces(text string) (list []piece) {
	at := 0
	for _, found := range telling.FindAllStringIndex(text, -1) {
		if found[0] > at {
			list = append(list, piece{text[at:found[0]], false})
		}
		list = append(list, piece{text[found[0]:found[1]], true})
		at = found[1]
	}
	if at < len(text) {
		list = append(list, piece{text[at:], false})
	}
	return list
}
