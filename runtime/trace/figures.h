/* figures.h - what the trace counted, for the metrics. */
#ifndef RT_TRACE_FIGURES_H
#define RT_TRACE_FIGURES_H

/* From here on stats/ asks. Again does nothing. */
void rt__trace_figures_start(void);

#endif
