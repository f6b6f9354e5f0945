package hooks

// DeskItem is the payload of an order to the provider "desk", the counter's own
// staff: what their list shows. It names the matter, never the person.
type DeskItem struct {
	Reference string `json:"reference"` // of the booking or case
	Kind      string `json:"kind"`      // "booking", "case"
	Title     string `json:"title"`     // of the event or guide, in German
	Partner   string `json:"partner"`   // slug of the partner that answers for it
}
