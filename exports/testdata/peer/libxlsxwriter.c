/* The peer of BenchmarkWorkbookMillion: the same rows by libxlsxwriter in its
   constant-memory mode. Usage: peer ROWS FILE */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <xlsxwriter.h>

static uint32_t state = 1;

static uint32_t next(void) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static const char *codes[] = {"sehr zufrieden", "zufrieden", "teils, teils", "unzufrieden",
                              "sehr unzufrieden", "weiß nicht", "Nord (Holland)", "Bad Wilhelmshöhe"};

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    int rows = atoi(argv[1]);
    lxw_workbook_options options = {.constant_memory = LXW_TRUE};
    lxw_workbook *book = workbook_new_opt(argv[2], &options);
    lxw_worksheet *sheet = workbook_add_worksheet(book, "Messung");
    lxw_format *day = workbook_add_format(book), *hour = workbook_add_format(book);
    format_set_num_format(day, "yyyy-mm-dd");
    format_set_num_format(hour, "hh:mm");
    char text[128];
    for (int c = 0; c < 20; c++) {
        snprintf(text, sizeof text, "c%d", c);
        worksheet_write_string(sheet, 0, c, text, NULL);
    }
    for (int row = 0; row < rows; row++) {
        for (int c = 0; c < 20; c++) {
            uint32_t r = next();
            if (c < 5)
                worksheet_write_number(sheet, row + 1, c, r % 1000, NULL);
            else if (c < 8)
                worksheet_write_number(sheet, row + 1, c, (r % 100000) / 100.0, NULL);
            else if (c < 10)
                worksheet_write_number(sheet, row + 1, c, 46327 + r % 28, day); /* 2026-11-01 and on */
            else if (c < 14)
                worksheet_write_string(sheet, row + 1, c, codes[r % 8], NULL);
            else if (c < 17)
                worksheet_write_number(sheet, row + 1, c, r % 2, NULL);
            else if (c == 17)
                worksheet_write_number(sheet, row + 1, c, (r % 24 + 0.5) / 24, hour);
            else if (c == 18) {
                snprintf(text, sizeof text, "Straße Nr. %u", r % 100000);
                worksheet_write_string(sheet, row + 1, c, text, NULL);
            } else {
                snprintf(text, sizeof text, "Mehr Bänke, mehr Schatten und ein Trinkbrunnen am Platz Nummer %d", row);
                worksheet_write_string(sheet, row + 1, c, text, NULL);
            }
        }
    }
    return workbook_close(book);
}
