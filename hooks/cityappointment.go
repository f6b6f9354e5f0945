package hooks

import "errors"

// What an order for an appointment of the city does.
const (
	AppointmentHold    = "hold"    // reserves a time; the result holds what opens it
	AppointmentConfirm = "confirm" // takes what is reserved
	AppointmentBook    = "book"    // reserves and confirms
	AppointmentUpdate  = "update"  // changes the contact of what is reserved
	AppointmentCancel  = "cancel"
)

// CityAppointment is the payload of an order for an appointment of the city.
type CityAppointment struct {
	Do       string        `json:"do"`
	Office   int           `json:"office,omitempty"`
	Services []CityService `json:"services,omitempty"`
	At       int64         `json:"at,omitempty"`      // beginning, seconds since 1970
	Process  int64         `json:"process,omitempty"` // the city's number of what is reserved
	AuthKey  string        `json:"authKey,omitempty"` // opens it: a secret
	Name     string        `json:"name,omitempty"`
	Email    string        `json:"email,omitempty"`
	Phone    string        `json:"phone,omitempty"`
	Text     string        `json:"text,omitempty"` // what an office asks for besides
}

// CityService is how often a service is wanted in one visit.
type CityService struct {
	ID    int `json:"id"`
	Count int `json:"count"`
}

// CityProcess is the payload of a result: what the city has of us.
type CityProcess struct {
	Process int64  `json:"process"`
	AuthKey string `json:"authKey"` // a secret
	State   string `json:"state"`   // reserved, preconfirmed, confirmed or cancelled
	Number  string `json:"number"`  // that people are called by
	At      int64  `json:"at"`
	Office  int    `json:"office"`
}

// Check tells what an order lacks; it names fields, never values.
func (a CityAppointment) Check() error {
	contact := a.Name != "" && a.Email != ""
	switch a.Do {
	case AppointmentHold, AppointmentBook:
		if a.Office <= 0 || a.At <= 0 || len(a.Services) == 0 {
			return errors.New("appointment without office, time or services")
		}
		for _, s := range a.Services {
			if s.ID <= 0 || s.Count < 1 || s.Count > 20 {
				return errors.New("appointment with a service that makes no sense")
			}
		}
		if a.Do == AppointmentBook && !contact {
			return errors.New("appointment without contact")
		}
	case AppointmentConfirm, AppointmentUpdate, AppointmentCancel:
		if a.Process <= 0 || a.AuthKey == "" {
			return errors.New("appointment without process")
		}
		if a.Do != AppointmentCancel && !contact {
			return errors.New("appointment without contact")
		}
	default:
		return errors.New("appointment that says not what to do")
	}
	return nil
}
