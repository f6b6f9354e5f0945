package ods

import "strings"

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

const manifest = xmlHead + `<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3">
<manifest:file-entry manifest:full-path="/" manifest:version="1.3" manifest:media-type="` + mediaType + `"/>
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>
<manifest:file-entry manifest:full-path="styles.xml" manifest:media-type="text/xml"/>
<manifest:file-entry manifest:full-path="meta.xml" manifest:media-type="text/xml"/>
<manifest:file-entry manifest:full-path="settings.xml" manifest:media-type="text/xml"/>
</manifest:manifest>
`

const namespaces = ` xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"` +
	` xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"` +
	` xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"` +
	` xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"` +
	` xmlns:config="urn:oasis:names:tc:opendocument:xmlns:config:1.0" office:version="1.3">`

// Nothing in the file names a person or tells when it was made.
const meta = xmlHead + `<office:document-meta` + namespaces + `<office:meta><meta:generator>servicepoint</meta:generator><dc:title>%s</dc:title><dc:language>de-DE</dc:language></office:meta></office:document-meta>
`

const styles = xmlHead + `<office:document-styles` + namespaces + `<office:styles>
<style:default-style style:family="table-cell"><style:text-properties style:font-name="Calibri" fo:font-size="11pt" fo:language="de" fo:country="DE"/></style:default-style>
<style:style style:name="Default" style:family="table-cell"/>
</office:styles><office:automatic-styles><style:page-layout style:name="pm"><style:page-layout-properties style:print-orientation="landscape" fo:page-width="29.7cm" fo:page-height="21cm" fo:margin="1.5cm" style:scale-to-X="1" style:scale-to-Y="0"/></style:page-layout></office:automatic-styles>
<office:master-styles><style:master-page style:name="Default" style:page-layout-name="pm"/></office:master-styles></office:document-styles>
`

const contentHead = xmlHead + `<office:document-content` + namespaces + `<office:automatic-styles>
<number:date-style style:name="nd"><number:day number:style="long"/><number:text>.</number:text><number:month number:style="long"/><number:text>.</number:text><number:year number:style="long"/></number:date-style>
<number:time-style style:name="nt"><number:hours number:style="long"/><number:text>:</number:text><number:minutes number:style="long"/></number:time-style>
<style:style style:name="cd" style:family="table-cell" style:parent-style-name="Default" style:data-style-name="nd"/>
<style:style style:name="ct" style:family="table-cell" style:parent-style-name="Default" style:data-style-name="nt"/>
<style:style style:name="ch" style:family="table-cell" style:parent-style-name="Default"><style:text-properties fo:font-weight="bold"/></style:style>
<style:style style:name="co" style:family="table-column"><style:table-column-properties style:column-width="2.8cm"/></style:style>
<style:style style:name="cw" style:family="table-column"><style:table-column-properties style:column-width="7cm"/></style:style>
</office:automatic-styles>
`

// settings freeze the first row of every sheet.
func settings(sheets []string) string {
	var b strings.Builder
	b.WriteString(xmlHead + `<office:document-settings` + namespaces + `<office:settings><config:config-item-set config:name="ooo:view-settings">` +
		`<config:config-item-map-indexed config:name="Views"><config:config-item-map-entry>` +
		`<config:config-item config:name="ActiveTable" config:type="string">` + sheets[0] + `</config:config-item>` +
		`<config:config-item-map-named config:name="Tables">`)
	for _, name := range sheets {
		b.WriteString(`<config:config-item-map-entry config:name="` + name + `">` +
			`<config:config-item config:name="HorizontalSplitMode" config:type="short">0</config:config-item>` +
			`<config:config-item config:name="VerticalSplitMode" config:type="short">2</config:config-item>` +
			`<config:config-item config:name="VerticalSplitPosition" config:type="int">1</config:config-item>` +
			`<config:config-item config:name="ActiveSplitRange" config:type="short">2</config:config-item>` +
			`<config:config-item config:name="PositionBottom" config:type="int">1</config:config-item>` +
			`</config:config-item-map-entry>`)
	}
	b.WriteString(`</config:config-item-map-named></config:config-item-map-entry></config:config-item-map-indexed></config:config-item-set></office:settings></office:document-settings>` + "\n")
	return b.String()
}
