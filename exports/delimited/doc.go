// Package delimited writes frames as text files: CSV that German spreadsheets open
// without evaluating anything ([NewGerman]), CSV for programs ([NewCSV]) with its
// description as a Frictionless data package ([DataPackage]), and JSON Lines
// ([NewJSONLines]).
//
// All are sinks of package frame that hold one row. They close nothing but
// themselves: the writer below is the caller's.
package delimited
