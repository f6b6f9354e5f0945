package hooks

// Mail is the payload of an order to the provider "mail". Text is what people
// read: paragraphs are parted by empty lines, a line that is an address alone
// becomes a link, lines that begin with "- " a list. The provider makes the HTML
// of it unless HTML is given.
type Mail struct {
	To      string `json:"to"`
	Name    string `json:"name"`
	Lang    string `json:"lang"` // de, en, ls
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html,omitempty"`
	// German is the same text in German, set below Text where Lang is another
	// language: whoever shows the mail at a counter is understood there.
	German string `json:"german,omitempty"`
	// Button is the address that the mail is about, with its label; it stands below
	// the text.
	Button *MailButton `json:"button,omitempty"`
	// Calendar is an iCalendar object (RFC 5545) that goes along as text/calendar with
	// Method (PUBLISH, REQUEST or CANCEL).
	Calendar string `json:"calendar,omitempty"`
	Method   string `json:"method,omitempty"`

	Attachments []MailAttachment `json:"attachments,omitempty"`
	// Unsubscribe is an address that ends a subscription by a POST without further
	// questions (RFC 8058), for mails that somebody subscribed to.
	Unsubscribe string `json:"unsubscribe,omitempty"`
}

// MailButton is a link that stands out.
type MailButton struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// MailAttachment is a file that goes along.
type MailAttachment struct {
	Name    string `json:"name"` // "Ticket.pdf"
	Type    string `json:"type"` // "application/pdf"
	Content []byte `json:"content,omitempty"`
	// Made names what the file is made of when the mail leaves, in place of Content:
	// "tickets:B-7K3M9-QX2TD". A file that cannot be made any more is left out.
	Made string `json:"made,omitempty"`
}

// LargestMail is how many bytes the attachments of a mail have together.
const LargestMail = 5 << 20
