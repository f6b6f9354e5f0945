package cases

import "slices"

// The states of a case.
const (
	Sent       = "sent"        // stored, not yet on the partner's list
	Received   = "received"    // on the list of the partner
	InProgress = "in_progress" // somebody works on it
	Waiting    = "waiting"     // the citizen is asked for something
	Done       = "done"
	Refused    = "refused"
	Withdrawn  = "withdrawn" // by the citizen
)

// States lists the states in the order of a case's life.
var States = []string{Sent, Received, InProgress, Waiting, Done, Refused, Withdrawn}

// Who changes a case.
const (
	Citizen = "citizen"
	Staff   = "staff"
	System  = "system" // the outcome of an order
)

// transitions says who may take a case from where to where. Staff put a case
// back to "sent" by passing it on to another partner only.
var transitions = map[string]map[string][]string{
	Citizen: {
		Sent:       {Withdrawn},
		Received:   {Withdrawn},
		InProgress: {Withdrawn},
		Waiting:    {InProgress, Withdrawn}, // in progress again by the citizen's answer
	},
	Staff: {
		Sent:       {Received, InProgress, Waiting, Done, Refused},
		Received:   {InProgress, Waiting, Done, Refused},
		InProgress: {Waiting, Done, Refused},
		Waiting:    {InProgress, Done, Refused},
		Done:       {InProgress},
		Refused:    {InProgress},
	},
	System: {
		Sent: {Received, Refused},
	},
}

// MayBecome lists the states that an actor may give a case that is in a state.
func MayBecome(actor, state string) []string { return transitions[actor][state] }

func mayBecome(actor, from, to string) bool { return slices.Contains(transitions[actor][from], to) }

// IsClosed reports whether nothing more is to be done in a state.
func IsClosed(state string) bool { return state == Done || state == Refused || state == Withdrawn }
