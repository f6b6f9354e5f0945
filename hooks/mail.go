package hooks

// Mail is the payload of an order to the provider "mail". Text is what people
// read; HTML is optional. Calendar is an iCalendar object (RFC 5545) that goes
// along as text/calendar with Method (REQUEST or CANCEL).
type Mail struct {
	To       string `json:"to"`
	Name     string `json:"name"`
	Lang     string `json:"lang"` // de, en, ls
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	HTML     string `json:"html,omitempty"`
	Calendar string `json:"calendar,omitempty"`
	Method   string `json:"method,omitempty"`
}
